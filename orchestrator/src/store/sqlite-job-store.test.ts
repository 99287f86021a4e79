import { describe } from '@jest/globals';
import { jobStoreContract } from './job-store-contract.fixture.ts';
import { tempStore } from './temp-store.fixture.ts';

describe('the job store on SQLite', () => {
  jobStoreContract(tempStore);
});
