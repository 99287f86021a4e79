// What is wrong with a request: where and what. Several are reported at once, so that a user mends them in one go.
import { AppError } from '@muster/common/errors/app-error';
import type { ErrorCode } from '@muster/common/errors/codes';

/** One thing that is wrong: the path of the field, and a sentence that says what to do. */
export interface Problem {
  readonly field: string;
  readonly message: string;
}

/** Throws one AppError that names all problems; returns when there are none. */
export function throwProblems(code: ErrorCode, problems: readonly Problem[]): void {
  const [first, ...rest] = problems;
  if (first === undefined) return;
  if (rest.length === 0) throw new AppError(code, first.message, { field: first.field });
  const all = problems.map((each) => `${each.field}: ${each.message}`).join('; ');
  throw new AppError(code, `${problems.length} problems: ${all}`);
}
