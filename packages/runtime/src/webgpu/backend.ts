/** @file tfjs's WebGPU backend on our own device. A read throws the errors that the device has reported. */

import type * as TfjsWebgpu from '@tensorflow/tfjs-backend-webgpu';
import type { backend_util } from '@tensorflow/tfjs-core';
import { EngineError } from '../error.js';
import { isSoftware } from './device.js';
import { Launcher, setLauncher } from './launcher.js';

/** tfjs backend `arena-webgpu`. */
export type LoudWebGPUBackend = TfjsWebgpu.WebGPUBackend & { readonly launcher: Launcher };

/**
 * Makes the backend.
 * @param tfjs tfjs's backend, which is an optional peer: a module that imported it by name could not be bundled without it.
 */
export function loudBackend(tfjs: typeof TfjsWebgpu, device: GPUDevice, info: GPUAdapterInfo): LoudWebGPUBackend {
  class Loud extends tfjs.WebGPUBackend {
    readonly launcher: Launcher;

    constructor() {
      super(device, info as never);
      this.launcher = new Launcher(this, isSoftware(info));
      setLauncher(this, this.launcher);
    }

    /** @throws the first error that the device has reported. Values of a dropped submit are stale or zero. */
    override async read(dataId: object): Promise<backend_util.BackendValues> {
      this.launcher.check();
      let values: backend_util.BackendValues;
      try {
        values = await super.read(dataId);
      } catch (error) {
        await this.device.queue.onSubmittedWorkDone().catch(() => {});
        this.launcher.check(); // gives the cause, where tfjs's error only says that mapping failed
        throw error;
      }
      await this.launcher.compiled();
      this.launcher.check();
      this.launcher.settle();
      return values;
    }

    /**
     * @throws EngineError unless the values are on the host already: tfjs's synchronous read gives wrong values and loses
     * the device.
     */
    override readSync(dataId: object): backend_util.BackendValues {
      const { values } = this.tensorMap.get(dataId);
      if (values) return values;
      throw new EngineError('tensor', "engine 'webgpu' cannot read a tensor synchronously: use `await tensor.data()`");
    }

    override submitQueue(): void {
      const { times } = this.launcher;
      const { commandEncoder } = this as unknown as { commandEncoder: GPUCommandEncoder };
      times?.resolve(commandEncoder);
      super.submitQueue();
      times?.submitted();
    }

    override dispose(): void {
      super.dispose();
      this.device.destroy();
    }
  }
  return new Loud();
}
