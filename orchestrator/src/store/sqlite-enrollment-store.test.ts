import { describe } from '@jest/globals';
import { enrollmentStoreContract } from './enrollment-store-contract.fixture.ts';
import { tempStore } from './temp-store.fixture.ts';

describe('the enrollment store on SQLite', () => {
  enrollmentStoreContract(tempStore);
});
