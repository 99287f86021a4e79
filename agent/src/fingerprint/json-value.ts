/** Looking into JSON that others wrote. */

/** The value under a chain of keys, or undefined where any is missing. */
export function valueAt(value: unknown, ...keys: readonly string[]): unknown {
  let at: unknown = value;
  for (const key of keys) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Reflect.get(at, key);
  }
  return at;
}

/** The text under a chain of keys; empty where there is none. */
export function textAt(value: unknown, ...keys: readonly string[]): string {
  const found = valueAt(value, ...keys);
  return typeof found === 'string' ? found : '';
}
