/** States as written on the command line. */
import type { DescEnum } from '@bufbuild/protobuf';
import { UsageError } from '../program/options.ts';
import { enumNames, enumValue } from '../show/enum-name.ts';

/** The values of state names. Throws UsageError for a name that is not known. */
export function parseStates(schema: DescEnum, names: readonly string[]): number[] {
  return names.map((name) => {
    const value = enumValue(schema, name);
    if (value !== undefined) return value;
    throw new UsageError(`--state: unknown state ${JSON.stringify(name)}; known: ${enumNames(schema).join(', ')}`);
  });
}
