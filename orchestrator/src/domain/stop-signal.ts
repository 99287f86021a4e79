// Signals that may be the first of a stop. SIGKILL is not needed (grace 0), SIGSTOP and the like would not end anything.
const stopSignals: ReadonlySet<string> = new Set([
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGTERM',
  'SIGKILL',
  'SIGALRM',
  'SIGWINCH',
  'SIGABRT',
]);

/** Whether a run may be asked to end by this signal, given by its name. */
export function isKnownSignal(name: string): boolean {
  return stopSignals.has(name);
}
