import { describe, expect, it } from '@jest/globals';
import { isAppError } from '../errors/app-error.ts';
import { BoundedQueue } from './bounded-queue.ts';

const codeOf = async (work: Promise<unknown>): Promise<string | undefined> => {
  try {
    await work;
    return undefined;
  } catch (error) {
    return isAppError(error) ? error.code : String(error);
  }
};

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const got: T[] = [];
  for await (const item of items) got.push(item);
  return got;
}

describe('a bounded queue', () => {
  it('gives items in the order they came, and ends after close with what it still held', async () => {
    const queue = new BoundedQueue<number>({ capacity: 3, overflow: 'reject' });
    await queue.push(1);
    await queue.push(2);
    queue.close();
    expect(await collect(queue)).toEqual([1, 2]);
  });

  it('hands an item to a reader that waits already', async () => {
    const queue = new BoundedQueue<string>({ capacity: 1, overflow: 'reject' });
    const taken = queue.take();
    await queue.push('a');
    expect(await taken).toEqual({ done: false, item: 'a' });
    expect(queue.size).toBe(0);
  });

  it('gives each item to one of several readers', async () => {
    const queue = new BoundedQueue<number>({ capacity: 10, overflow: 'reject' });
    const readers = [collect(queue), collect(queue), collect(queue)];
    for (let item = 0; item < 10; item += 1) await queue.push(item);
    queue.close();
    const all = (await Promise.all(readers)).flat();
    expect(all.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('refuses an item over the bound under reject', async () => {
    const queue = new BoundedQueue<number>({ capacity: 1, overflow: 'reject' });
    await queue.push(1);
    expect(await codeOf(queue.push(2))).toBe('resource_exhausted');
    expect(queue.offer(2)).toBe(false);
    expect(queue.size).toBe(1);
  });

  it('forgets the oldest under drop_oldest, and counts it', async () => {
    const queue = new BoundedQueue<number>({ capacity: 2, overflow: 'drop_oldest' });
    for (const item of [1, 2, 3, 4]) await queue.push(item);
    queue.close();
    expect(queue.dropped).toBe(2);
    expect(await collect(queue)).toEqual([3, 4]);
  });

  it('lets a writer wait for room under wait', async () => {
    const queue = new BoundedQueue<number>({ capacity: 1, overflow: 'wait' });
    await queue.push(1);
    let pushed = false;
    const second = queue.push(2).then(() => {
      pushed = true;
    });
    await Promise.resolve();
    expect(pushed).toBe(false);
    await queue.take();
    await second;
    expect(await queue.take()).toEqual({ done: false, item: 2 });
  });

  it('forgets the item of a writer whose waiting is aborted', async () => {
    const queue = new BoundedQueue<number>({ capacity: 1, overflow: 'wait' });
    await queue.push(1);
    const controller = new AbortController();
    const second = queue.push(2, controller.signal);
    const reason = new Error('stop');
    controller.abort(reason);
    await expect(second).rejects.toBe(reason);
    queue.close();
    expect(await collect(queue)).toEqual([1]);
  });

  it('rejects a reader with the reason of its abort and loses no item by it', async () => {
    const queue = new BoundedQueue<number>({ capacity: 1, overflow: 'reject' });
    const controller = new AbortController();
    const first = queue.take(controller.signal);
    const second = queue.take();
    // Woken for the item and aborted in the same turn: the other reader must get it.
    queue.offer(1);
    controller.abort(new Error('stop'));
    await expect(first).rejects.toThrow('stop');
    expect(await second).toEqual({ done: false, item: 1 });
  });

  it('fails waiting writers and late ones after close', async () => {
    const queue = new BoundedQueue<number>({ capacity: 1, overflow: 'wait' });
    await queue.push(1);
    const waiting = queue.push(2);
    queue.close();
    expect(await codeOf(waiting)).toBe('failed_precondition');
    expect(await codeOf(queue.push(3))).toBe('failed_precondition');
  });

  it('fails readers with the reason it was closed with, after the items it held', async () => {
    const queue = new BoundedQueue<number>({ capacity: 1, overflow: 'reject' });
    const reason = new Error('link cut');
    await queue.push(1);
    queue.close(reason);
    expect(await queue.take()).toEqual({ done: false, item: 1 });
    await expect(queue.take()).rejects.toBe(reason);
  });

  it('refuses a capacity that is not at least one', () => {
    expect(() => new BoundedQueue({ capacity: 0, overflow: 'reject' })).toThrow('at least one');
  });
});
