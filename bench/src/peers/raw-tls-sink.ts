/** The receiving process: counts what comes, and says how much it was when the sender has ended. */
import { createServer } from 'node:tls';
import { answerRequests } from '../child-program.ts';

await answerRequests(async (identity) => {
  const server = createServer(
    {
      ca: identity.text('caPem'),
      cert: identity.text('certPem'),
      key: identity.text('keyPem'),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      // The count is sent after the sender's end.
      allowHalfOpen: true,
    },
    (socket) => {
      let received = 0;
      socket.on('data', (data) => {
        received += data.length;
      });
      socket.on('end', () => socket.end(String(received)));
      socket.on('error', (error) => process.stderr.write(`raw-tls-sink: ${error.message}\n`));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { port: address !== null && typeof address === 'object' ? address.port : 0 };
});
