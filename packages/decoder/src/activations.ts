/** @file How the activations that the backward pass needs are kept: activation checkpointing, offload, half precision. */

/** What {@link planMemory} chooses and a training pass does. */
export interface Activations {
  /**
   * Activation checkpointing (also called gradient checkpointing): of the layers that the backward pass goes through, this many
   * (the lowest) keep their input and the output of down_proj, and run forward again.
   */
  recompute: number;
  /** Keep activations outside the engine's memory, because they would not fit beside the rest. */
  offload: boolean;
  /** Keep the wider of them in bfloat16 (engines `cuda` and `webgpu`, see `Engine.halves`). */
  half: boolean;
}

/** Everything as it is. */
export const KEEP_ALL: Activations = { recompute: 0, offload: false, half: false };
