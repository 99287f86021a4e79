// How others reach our doors. Where nobody says so, from what the doors listen on and what this machine is called: good for
// one network; behind a proxy or NAT the --advertise flags say better.
import { hostname, networkInterfaces } from 'node:os';
import { type Address, printAddress } from '@muster/common/config/fields';

/** A join token carries these; more than a handful is a long line and no more reachable. */
const MOST_ADDRESSES = 4;

/** What this machine is called. */
export interface HostNames {
  readonly hostname: string;
  /** Its IPv4 addresses that others may reach, in the system's order. */
  readonly addresses: readonly string[];
}

/** Asks the system. Bridges of container engines are left out: nobody outside reaches them. */
export function hostNames(): HostNames {
  const addresses = Object.entries(networkInterfaces())
    .filter(([name]) => !/^(?:docker|br-|veth|virbr|cni|podman)/.test(name))
    .flatMap(([, list]) => list ?? [])
    .filter((each) => each.family === 'IPv4' && !each.internal)
    .map((each) => each.address);
  return { hostname: hostname().toLowerCase(), addresses };
}

/**
 * The addresses of a door, in order of preference.
 * @param listen with the port that is really in use
 */
export function advertisedAddresses(
  configured: readonly string[],
  listen: Address,
  host: HostNames,
): readonly string[] {
  if (configured.length > 0) return configured;
  if (!isAnyAddress(listen.host)) return [printAddress(listen)];
  const hosts = [host.hostname, ...host.addresses].filter((name) => name !== '').slice(0, MOST_ADDRESSES);
  // Last, for agents on this very machine, which may not resolve its name.
  return [...new Set([...hosts, '127.0.0.1'])].map((name) => printAddress({ host: name, port: listen.port }));
}

/** The hosts of addresses: what a certificate must cover. */
export function hostsOf(addresses: readonly string[]): readonly string[] {
  return addresses.map((address) => address.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''));
}

function isAnyAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
