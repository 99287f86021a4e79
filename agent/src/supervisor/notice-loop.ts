/** Reads notices and hands them on, until the pipe is closed. */
import type { Notice, NoticePipe } from './notice-pipe.ts';

/** Runs until `signal` aborts, which closes the pipe. `onNotice` must not throw or wait. */
export async function runNoticeLoop(
  deps: { readonly pipe: NoticePipe; readonly onNotice: (notice: Notice) => void },
  signal: AbortSignal,
): Promise<void> {
  const close = (): void => deps.pipe.close();
  if (signal.aborted) close();
  else signal.addEventListener('abort', close, { once: true });
  for await (const notice of deps.pipe.notices) deps.onNotice(notice);
}
