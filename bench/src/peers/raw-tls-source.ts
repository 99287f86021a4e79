/** The sending process: lines of `yes` in writes of 256 KiB, as large as the largest log chunk. */
import { once } from 'node:events';
import { connect } from 'node:tls';
import { answerRequests } from '../child-program.ts';

const chunk = Buffer.alloc(256 * 1024, 'y\n');

await answerRequests(async (request) => {
  const socket = connect({
    host: '127.0.0.1',
    servername: 'localhost',
    port: request.number('port'),
    ca: request.text('caPem'),
    cert: request.text('certPem'),
    key: request.text('keyPem'),
  });
  await once(socket, 'secureConnect');
  let answer = '';
  socket.on('data', (data) => {
    answer += data.toString();
  });
  const startedMs = performance.now();
  for (let left = request.number('sizeBytes'); left > 0; left -= chunk.length) {
    const part = left < chunk.length ? chunk.subarray(0, left) : chunk;
    if (!socket.write(part)) await once(socket, 'drain');
  }
  socket.end();
  await once(socket, 'end');
  if (Number(answer) !== request.number('sizeBytes')) throw new Error(`${answer} bytes arrived`);
  return { elapsedMs: performance.now() - startedMs };
});
