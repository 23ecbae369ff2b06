import { describe, expect, it } from 'vitest';
import { CONTROL_BYTES, Heap, PAGE } from '../src/wasm/heap.js';

/** The same numbers on every run. */
function random(seed: number) {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

describe('Heap', () => {
  it('gives aligned memory that never overlaps, and takes all of it back', () => {
    const heap = new Heap();
    const next = random(1);
    const live = new Map<number, { view: Uint8Array; mark: number }>();
    for (let turn = 0; turn < 3000; turn++) {
      if (live.size > 0 && next() < 0.45) {
        const pointers = [...live.keys()];
        const pointer = pointers[Math.floor(next() * pointers.length)];
        const { view, mark } = live.get(pointer)!;
        expect(view.every((byte) => byte === mark)).toBe(true);
        heap.free(pointer);
        live.delete(pointer);
      } else {
        const bytes = Math.floor(next() ** 3 * 20_000);
        const pointer = heap.allocate(bytes);
        expect(pointer % 64).toBe(0);
        expect(pointer).toBeGreaterThanOrEqual(CONTROL_BYTES);
        const mark = turn & 255;
        live.set(pointer, { view: heap.view(pointer, bytes, 'bool').fill(mark) as Uint8Array, mark });
      }
    }
    expect(heap.bytesInUse).toBeLessThanOrEqual(heap.peakBytes);
    for (const pointer of live.keys()) heap.free(pointer);
    expect(heap.bytesInUse).toBe(0);
    // with everything free again, the whole of the heap is one block
    const size = heap.memory.buffer.byteLength - CONTROL_BYTES;
    expect(heap.allocate(size)).toBe(CONTROL_BYTES);
    expect(heap.memory.buffer.byteLength).toBe(size + CONTROL_BYTES);
  });

  it('reaches addresses beyond 2 GiB', () => {
    const heap = new Heap();
    const low = heap.allocate(2 ** 31);
    const high = heap.allocate(4096);
    expect(high).toBeGreaterThan(2 ** 31);
    heap.view(high, 1024, 'float32').fill(3);
    expect(heap.view(high, 1024, 'float32')[1023]).toBe(3);
    heap.free(low);
    heap.free(high);
  });

  it('says how much is in use when it is full', () => {
    const heap = new Heap({ maxPages: 4 });
    heap.allocate(2 * PAGE);
    expect(() => heap.allocate(2 * PAGE)).toThrow(/131072 bytes wanted, 131072 of at most 262144 in use/);
    expect(heap.allocate(PAGE)).toBeGreaterThan(0);
  });

  it('knows its own views after growth, and refuses foreign pointers', () => {
    const heap = new Heap();
    const before = heap.view(heap.allocate(64), 16, 'float32');
    heap.allocate(50 * PAGE);
    expect(heap.owns(before)).toBe(true);
    expect(heap.owns(before.slice())).toBe(false);
    expect(() => heap.free(12345)).toThrow(/12345 is not an allocated pointer/);
  });

  it('reports growth of a memory that is not shared', () => {
    const heap = new Heap({ shared: false });
    let detached = 0;
    heap.onDetach = () => detached++;
    const view = heap.view(heap.allocate(64), 16, 'float32');
    heap.allocate(10 * PAGE);
    expect(detached).toBeGreaterThan(0);
    expect(view.length).toBe(0);
  });
});
