/**
 * The systeminformation package, loaded when first needed: Linux answers nearly everything from /proc and /sys, sooner
 * and without starting programs, so there it is never loaded (20 ms, and 2 MiB of memory for good).
 */
type SystemInformation = typeof import('systeminformation');

/** Loads it. */
export function systemInformation(): Promise<SystemInformation> {
  return import('systeminformation');
}
