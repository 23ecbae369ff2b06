import { describe, expect, it } from 'vitest';
import { WordMap } from '../src/webgpu/word-map.js';

describe('a map keyed by integers', () => {
  it('finds what was entered under the same words, whatever their number', () => {
    const map = new WordMap<number>();
    // many keys: some share a hash's low bits, and none may be taken for another
    const keys = Array.from({ length: 5000 }, (_, i) => Uint32Array.of(i % 7, i, i * i));
    keys.forEach((key, i) => {
      map.add(key, i);
    });
    expect(keys.map((key) => map.get(key))).toEqual(keys.map((_, i) => i));
    expect(map.size).toBe(5000);
    expect(map.get(Uint32Array.of(1, 1))).toBeUndefined();
    expect(map.get(Uint32Array.of(1, 1, 1, 0))).toBeUndefined();
    expect([...map.values()].sort((a, b) => a - b)).toEqual(keys.map((_, i) => i));
    map.clear();
    expect(map.get(keys[0])).toBeUndefined();
  });

  it('keeps its keys when the caller writes over the array', () => {
    const map = new WordMap<string>();
    const words = Uint32Array.of(1, 2);
    map.add(words, 'first');
    words[0] = 9;
    expect(map.get(Uint32Array.of(1, 2))).toBe('first');
    expect(map.get(words)).toBeUndefined();
  });
});
