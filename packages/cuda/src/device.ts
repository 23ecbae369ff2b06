/** @file The GPUs that the driver shows, and the choice of one. */
import type { Driver } from './driver.js';
import { CudaError } from './error.js';

/** A GPU, or a MIG slice of one. */
export interface CudaDevice {
  /** Its number among the visible GPUs. */
  ordinal: number;
  /** The driver's handle. */
  handle: number;
  name: string;
  /** Such as 8.6. */
  computeCapability: string;
  multiprocessors: number;
  /** Bytes of shared memory that a block may have. */
  blockSharedBytes: number;
  /** Bytes. */
  memory: number;
}

/** sm_80, the kernels' target. */
const LEAST_CAPABILITY = 80;

const [MULTIPROCESSORS, MAJOR, MINOR, BLOCK_SHARED_BYTES] = [16, 75, 76, 97]; // CUdevice_attribute

/** Every device, in the driver's order. CUDA_VISIBLE_DEVICES has chosen them. */
export function listDevices(driver: Driver): CudaDevice[] {
  const count = new Int32Array(1);
  driver.call('cuDeviceGetCount', count);
  return Array.from({ length: count[0] }, (_, ordinal) => describeDevice(driver, ordinal));
}

function describeDevice(driver: Driver, ordinal: number): CudaDevice {
  const handle = new Int32Array(1);
  driver.call('cuDeviceGet', handle, ordinal);
  const name = new Uint8Array(256);
  driver.call('cuDeviceGetName', name, name.length, handle[0]);
  const memory = new BigUint64Array(1);
  driver.call('cuDeviceTotalMem_v2', memory, handle[0]);
  const attribute = (which: number) => {
    const value = new Int32Array(1);
    driver.call('cuDeviceGetAttribute', value, which, handle[0]);
    return value[0];
  };
  return {
    ordinal,
    handle: handle[0],
    name: new TextDecoder().decode(name.subarray(0, name.indexOf(0))),
    computeCapability: `${attribute(MAJOR)}.${attribute(MINOR)}`,
    multiprocessors: attribute(MULTIPROCESSORS),
    blockSharedBytes: attribute(BLOCK_SHARED_BYTES),
    memory: Number(memory[0]),
  };
}

/** Compute capability of Hopper, and the first CUDA version with drivers for its own instructions. */
const HOPPER = '9.0';
const HOPPER_VERSION = 12000;

/** Whether kernels with Hopper's tensor core instructions (sm_90a) run on a device. */
export function hasWgmma({ version }: Driver, { computeCapability }: CudaDevice): boolean {
  return computeCapability === HOPPER && version >= HOPPER_VERSION;
}

/** Whether the kernels run on a device: Ampere and later. */
export function isSupported({ computeCapability }: CudaDevice): boolean {
  return Number(computeCapability.replace('.', '')) >= LEAST_CAPABILITY;
}

/**
 * The device with the given number, or the first that is new enough.
 * @throws CudaError when there is none.
 */
export function chooseDevice(devices: readonly CudaDevice[], ordinal?: number): CudaDevice {
  const names = devices.map(
    (device) => `${device.ordinal}: ${device.name} (compute capability ${device.computeCapability})`,
  );
  const seen = `the driver shows ${names.join(', ') || 'none'}`;
  const wanted = ordinal === undefined ? devices.find(isSupported) : devices[ordinal];
  if (!wanted && ordinal !== undefined) throw new CudaError(`engine 'cuda': there is no GPU ${ordinal}: ${seen}`);
  if (!wanted || !isSupported(wanted)) {
    throw new CudaError(`engine 'cuda' needs a GPU of compute capability 8.0 or later (Ampere): ${seen}`);
  }
  return wanted;
}
