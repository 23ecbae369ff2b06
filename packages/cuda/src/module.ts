/** @file Loads PTX: the driver compiles it for the device and caches the result on disk. */
import type { CudaDevice } from './device.js';
import { cudaVersion, type Driver } from './driver.js';
import { CudaError } from './error.js';

// CUjit_option
const ERROR_LOG = 5;
const ERROR_LOG_BYTES = 6;
const LOG_BYTES = 8192;

/** A kernel within a text: from its name to its closing brace. */
const ENTRY = /^(?:\.\w+ )?\.entry (\w+)\([\s\S]*?^\}\n?/gm;

/**
 * Splits a PTX text into one text a kernel, each with the shared header. The driver takes about 0.15 s to compile a
 * kernel for the first time, and training uses half of them.
 */
export function kernelTexts(text: string): Map<string, string> {
  const rest = text.replace(ENTRY, '');
  return new Map(Array.from(text.matchAll(ENTRY), ([entry, name]) => [name, rest + entry]));
}

/**
 * The handle of a module.
 * @throws CudaError with the driver's own words when it does not compile.
 */
export function loadModule(driver: Driver, device: CudaDevice, text: string): number {
  const { koffi } = driver;
  const log = new Uint8Array(LOG_BYTES);
  const options = new Int32Array([ERROR_LOG, ERROR_LOG_BYTES]);
  const values = new BigUint64Array([koffi.address(log), BigInt(LOG_BYTES)]);
  const image = new TextEncoder().encode(`${text}\0`);
  const out = new BigUint64Array(1);
  const code = driver.result('cuModuleLoadDataEx', out, image, options.length, options, values);
  if (code === 0) return Number(out[0]);
  const { message } = driver.failure('cuModuleLoadDataEx', code);
  const end = log.indexOf(0);
  const words = new TextDecoder()
    .decode(log.subarray(0, end < 0 ? LOG_BYTES : end))
    .trim()
    .split('\n')[0];
  throw new CudaError(
    `${message} (kernels for ${device.name}, driver for CUDA ${cudaVersion(driver.version)}${words ? `; the driver says: ${words}` : ''})`,
    code,
  );
}
