import { describe } from '@jest/globals';
import { accessStoreContract } from './access-store-contract.fixture.ts';
import { tempStore } from './temp-store.fixture.ts';

describe('the access store on SQLite', () => {
  accessStoreContract(tempStore);
});
