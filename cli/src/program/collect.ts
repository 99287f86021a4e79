/** Collects the values of an option that may be repeated, as commander wants it. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
