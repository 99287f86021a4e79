import { describe } from '@jest/globals';
import { nodeStoreContract } from './node-store-contract.fixture.ts';
import { tempStore } from './temp-store.fixture.ts';

describe('the node store on SQLite', () => {
  nodeStoreContract(tempStore);
});
