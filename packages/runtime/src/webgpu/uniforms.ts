/**
 * @file Uniform buffers by content: one for each content, never rewritten, since an unsubmitted dispatch may still read
 * it.
 */
import type { GpuKernel } from './kernel.js';
import { WordMap } from './word-map.js';

/** Most cached buffers. Beyond, all are dropped. */
const MOST = 4096;
/** Numbers of a call; a struct of a WGSL uniform is a multiple of 16 bytes. */
const MOST_WORDS = 64;
const USAGE = 0x40 | 0x8; // GPUBufferUsage.UNIFORM | COPY_DST

export class UniformBuffers {
  private readonly known = new WordMap<GPUBuffer>();
  private readonly words = new Uint32Array(MOST_WORDS);
  private readonly floats = new Float32Array(this.words.buffer);
  /** Views of the first words, by their number. */
  private readonly views = new Map<number, Uint32Array>();

  /** `beforeDrop` runs before buffers are destroyed: it must submit the recorded work. */
  constructor(
    private readonly device: GPUDevice,
    private readonly beforeDrop: () => void,
  ) {}

  /**
   * The buffer with a call's numbers.
   * @throws Error when a number is missing.
   */
  of(kernel: GpuKernel, params: { [name: string]: number }): GPUBuffer {
    const { words, floats } = this;
    let at = 0;
    for (const [name, type] of kernel.params) {
      const value = params[name];
      if (value === undefined) throw new Error(`kernel ${kernel.name}: number '${name}' is missing`);
      if (type === 'f32') floats[at++] = value;
      else words[at++] = value;
    }
    const key = this.view(Math.max(4, at));
    if (at < 4) key.fill(0, at);
    let buffer = this.known.get(key);
    if (!buffer) {
      if (this.known.size >= MOST) this.drop();
      buffer = this.make(key);
      this.known.add(key, buffer);
    }
    return buffer;
  }

  /** A new buffer. */
  make(values: Uint32Array | Float32Array): GPUBuffer {
    const size = Math.ceil(values.byteLength / 16) * 16;
    const buffer = this.device.createBuffer({ size, usage: USAGE });
    this.device.queue.writeBuffer(buffer, 0, values as Uint32Array<ArrayBuffer>);
    return buffer;
  }

  private drop(): void {
    this.beforeDrop();
    for (const buffer of this.known.values()) buffer.destroy();
    this.known.clear();
  }

  private view(count: number): Uint32Array {
    let view = this.views.get(count);
    if (!view) {
      view = this.words.subarray(0, count);
      this.views.set(count, view);
    }
    return view;
  }
}
