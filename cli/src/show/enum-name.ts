/** Names of enum values for people; a newer orchestrator may send values that this version has no name for. */
import type { DescEnum } from '@bufbuild/protobuf';

/** `skipped_unreachable` for TASK_END_REASON_SKIPPED_UNREACHABLE; `unknown (N)` for a number without a name. */
export function enumName(schema: DescEnum, value: number): string {
  const name = schema.value[value]?.name;
  if (name === undefined) return `unknown (${value})`;
  const lower = name.toLowerCase();
  const prefix = schema.sharedPrefix ?? '';
  return lower.startsWith(prefix) ? lower.slice(prefix.length) : lower;
}

/** The value of a name as `enumName` gives it; undefined: there is none. The unspecified value has no name here. */
export function enumValue(schema: DescEnum, name: string): number | undefined {
  return schema.values.find((each) => each.number !== 0 && enumName(schema, each.number) === name)?.number;
}

/** All names that `enumValue` takes. */
export function enumNames(schema: DescEnum): string[] {
  return schema.values.filter((each) => each.number !== 0).map((each) => enumName(schema, each.number));
}
