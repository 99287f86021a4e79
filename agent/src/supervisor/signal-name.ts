/**
 * The signals we send and report, by name and number. Numbers are Linux's on x64 and arm64 (they agree); real-time
 * signals have no name here and are reported by number only.
 */

const NUMBERS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

/** A signal's name as Node and the C library write it. */
export type SignalName = keyof typeof NUMBERS;

/** Linux's largest signal, SIGRTMAX. */
export const LARGEST_SIGNAL = 64;

const names = new Map<number, SignalName>();
const known = new Map<string, SignalName>();
let name: SignalName;
for (name in NUMBERS) {
  names.set(NUMBERS[name], name);
  known.set(name, name);
}

/** The name of a signal; undefined for real-time signals and numbers that are none. */
export function signalNameOf(number: number): SignalName | undefined {
  return names.get(number);
}

/** Reads a name, with or without `SIG`, in any case; undefined where it is none. */
export function parseSignalName(text: string): SignalName | undefined {
  const upper = text.toUpperCase();
  return known.get(upper.startsWith('SIG') ? upper : `SIG${upper}`);
}
