/** grpc-js settings of the agent door, for both ends, each with its reason. */
import type { ChannelOptions } from '@grpc/grpc-js';

/**
 * Largest message either way, 4 MiB (P7): a log chunk is at most 256 KiB; the largest other frame is an assignment, whose
 * script and standard input have 1 MiB each. Larger ones end the call with `resource_exhausted`.
 */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/**
 * HTTP/2 window of the receiving side, 1 MiB. The default of 64 KiB limits uploads even on loopback (204 MB/s against 365);
 * the gain is there from 256 KiB, and 1 MiB covers 100 Mbit/s at 80 ms. It is also what one unread stream may pin.
 */
export const RECEIVE_WINDOW_BYTES = 1024 * 1024;

/** A ping after 20 s of silence: below the 30 s to 60 s after which NATs and load balancers forget a quiet connection. */
const KEEPALIVE_TIME_MS = 20_000;
/** Unanswered for 10 s: the link is dead. Together 30 s, as many as three missed heartbeats. */
const KEEPALIVE_TIMEOUT_MS = 10_000;

/** Streams per connection: an agent needs two at a time; 100 is room for later RPCs and a bound for a hostile one. */
export const MAX_CONCURRENT_STREAMS = 100;

/** Megabytes (10^6) that one connection may hold in Node's http2: 16 queued frames of 1 MiB, twice, and windows. */
const MAX_SESSION_MEMORY_MB = 64;

const common: ChannelOptions = {
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  'grpc-node.max_session_memory': MAX_SESSION_MEMORY_MB,
  // 0 = identity: logs are compressed, if at all, where they are kept; per-frame gzip costs more CPU than it saves here.
  'grpc.default_compression_algorithm': 0,
};

/** For the orchestrator's `new Server(...)`. The receive window needs `applyReceiveWindow` too. */
export const agentDoorServerOptions: ChannelOptions = {
  ...common,
  'grpc.max_concurrent_streams': MAX_CONCURRENT_STREAMS,
};

/** For the agent's client. */
export const agentChannelOptions: ChannelOptions = {
  ...common,
  'grpc-node.flow_control_window': RECEIVE_WINDOW_BYTES,
  'grpc.keepalive_permit_without_calls': 1,
  // Our own backoff decides when to try again, and our own sequence numbers what to resend.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  // Each dial gets a connection of its own: a shared subchannel would add grpc-js's backoff (up to 120 s) to ours.
  'grpc.use_local_subchannel_pool': 1,
};
