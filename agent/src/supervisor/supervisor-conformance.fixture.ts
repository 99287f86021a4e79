/**
 * What every supervisor must do, with real processes and files. Each adapter's test calls this with a factory.
 */
import { describe } from '@jest/globals';
import { describeAdoption, describeHousekeeping } from './conformance-later.fixture.ts';
import { describeEnds, describeSurroundings } from './conformance-runs.fixture.ts';
import { describeOnce, describeRefusals } from './conformance-starts.fixture.ts';
import { describeStops, describeTimeout } from './conformance-trees.fixture.ts';
import { type OpenSupervisor, Stage } from './supervisor-stage.fixture.ts';

/** Registers the suite. */
export function describeSupervisor(name: string, open: OpenSupervisor): void {
  describe(`supervisor ${name}`, () => {
    const stage = new Stage(open);
    describeEnds(stage);
    describeSurroundings(stage);
    describeRefusals(stage);
    describeOnce(stage);
    describeStops(stage);
    describeTimeout(stage);
    describeAdoption(stage);
    describeHousekeeping(stage);
  });
}
