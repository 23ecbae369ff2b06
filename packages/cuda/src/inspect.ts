/** @file What this machine lacks for engine `cuda`, without opening it. */
import { findCublasLt } from './cublas-lt.js';
import { type CudaDevice, isSupported, listDevices } from './device.js';
import { cudaVersion, type Driver, openDriver } from './driver.js';

/** What {@link inspectCuda} found. */
export interface CudaReport {
  /** The driver's library, and the newest CUDA version that it supports. */
  driver?: { library: string; cuda: string };
  devices: (CudaDevice & { supported: boolean })[];
  /** The cuBLASLt library that the loader finds. Large products use it with `bf16`. */
  cublasLt?: string;
  /** What would make the engine faster here, a line each. */
  advice: string[];
  /** Why the engine does not open, if it does not. */
  problem?: string;
}

/** Why engine `cuda` does not open on this machine. Undefined when it should open. */
export async function cudaProblem(): Promise<string | undefined> {
  try {
    return problemOf(listDevices(await openDriver()));
  } catch (error) {
    return (error as Error).message;
  }
}

function problemOf(devices: CudaDevice[]): string | undefined {
  return devices.some(isSupported) ? undefined : 'no GPU of compute capability 8.0 or later (Ampere)';
}

/** Looks for koffi, the driver, its devices and cuBLASLt. Does not throw: the report names what is missing. */
export async function inspectCuda(): Promise<CudaReport> {
  const report: CudaReport = { devices: [], advice: [] };
  let driver: Driver;
  try {
    driver = await openDriver();
    report.driver = { library: driver.library, cuda: cudaVersion(driver.version) };
    report.devices = listDevices(driver).map((device) => ({ ...device, supported: isSupported(device) }));
    report.problem = problemOf(report.devices);
  } catch (error) {
    report.problem = (error as Error).message;
    return report;
  }
  report.cublasLt = findCublasLt(driver.koffi);
  report.advice = adviceFor(report);
  return report;
}

function adviceFor({ devices }: CudaReport): string[] {
  const advice: string[] = [];
  if (devices.filter(({ supported }) => supported).length > 1) {
    advice.push('one GPU is used at a time: --gpu N or CUDA_VISIBLE_DEVICES chooses it');
  }
  return advice;
}
