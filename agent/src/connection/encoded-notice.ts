/**
 * Says when a frame's data has been copied into the frame's bytes, which is later than when the frame was given to the
 * transport: streams hold several objects before they encode one. From then on its buffer may be used again.
 */
const notices = new WeakMap<Uint8Array, () => void>();

/** Calls `reuse` once the data is encoded; never, where its frame is dropped with its session. */
export function whenEncoded(data: Uint8Array, reuse: () => void): void {
  notices.set(data, reuse);
}

/** For the encoder. */
export function noteEncoded(data: Uint8Array): void {
  notices.get(data)?.();
  notices.delete(data);
}
