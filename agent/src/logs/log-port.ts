/** The output of this node's runs as a session sees it: the streams' bookkeeping and the loop that ships them. */
import type { LogPort } from '../connection/session-ports.ts';
import { type LogShipperDeps, runLogShipperLoop } from './log-shipper-loop.ts';

/** Joins the two. */
export function makeLogPort(deps: Omit<LogShipperDeps, 'send'>): LogPort {
  const { outputs } = deps;
  return {
    open: (settings, acks) => outputs.open(settings, acks),
    configure: (settings) => outputs.configure(settings),
    ack: (ack) => outputs.ack(ack),
    ship: (send, signal) => runLogShipperLoop({ ...deps, send }, signal),
  };
}
