import { describe } from '@jest/globals';
import { accessStoreContract } from '../store/access-store-contract.fixture.ts';
import { MemoryAccessStore } from './memory-access-store.fixture.ts';

describe('the access store of tests', () => {
  accessStoreContract(async () => ({
    access: new MemoryAccessStore(),
    [Symbol.asyncDispose]: async () => undefined,
  }));
});
