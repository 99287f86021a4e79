/** A metadata service on loopback, for tests. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** A server; `await using` closes it with all its connections. */
export interface MetadataServer extends AsyncDisposable {
  readonly base: string;
  /** What was asked: "METHOD path", in order. */
  readonly asked: readonly string[];
}

/** Starts one that answers as `respond` does; a `respond` that ends nothing is a service that hangs. */
export async function metadataServer(
  respond: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<MetadataServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    respond(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    base: `http://127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What a server does that knows none of the paths. */
export function notFound(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(404).end('not here');
}
