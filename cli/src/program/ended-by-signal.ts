/** Why a command's signal aborts: the process got a signal. */
export class EndedBySignal extends Error {
  override readonly name = 'EndedBySignal';
  /** 128 + the signal's number. */
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`ended by signal ${exitCode - 128}`);
    this.exitCode = exitCode;
  }
}
