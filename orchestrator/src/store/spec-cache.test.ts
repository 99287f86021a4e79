import { create, toBinary } from '@bufbuild/protobuf';
import { expect, it } from '@jest/globals';
import { asJobId } from '@muster/common/ids/ids';
import { JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import { ids } from './samples.fixture.ts';
import { SpecCache } from './spec-cache.ts';

const MIB = 1024 * 1024;
const spec = create(JobSpecSchema, { name: 'a' });

it('decodes a spec once', () => {
  const cache = new SpecCache();
  const id = asJobId(ids.next());
  const first = cache.get(id, () => toBinary(JobSpecSchema, spec));
  expect(first).toEqual(spec);
  expect(cache.get(id, () => fail())).toBe(first);
});

it('forgets the specs that were used longest ago when they take too much memory', () => {
  const cache = new SpecCache();
  const [a, b, c] = [asJobId(ids.next()), asJobId(ids.next()), asJobId(ids.next())];
  cache.put(a, spec, 1.7 * MIB);
  cache.put(b, spec, 1.7 * MIB);
  cache.get(a, () => fail());
  cache.put(c, spec, 1.7 * MIB);
  cache.get(a, () => fail());
  cache.get(c, () => fail());
  let loaded = 0;
  cache.get(b, () => {
    loaded += 1;
    return toBinary(JobSpecSchema, spec);
  });
  expect(loaded).toBe(1);
});

it('keeps the newest even where it alone is too large', () => {
  const cache = new SpecCache();
  const id = asJobId(ids.next());
  cache.put(id, spec, 20 * MIB);
  expect(cache.get(id, () => fail())).toBe(spec);
});

function fail(): never {
  throw new Error('loaded again');
}
