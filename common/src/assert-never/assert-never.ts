/**
 * Ends an exhaustive `switch`: the compiler refuses the call while a case is missing, and a value that came past the
 * types at run time fails loudly instead of falling through.
 */
export function assertNever(value: never): never {
  throw new Error(`a case is missing for ${JSON.stringify(value)}`);
}
