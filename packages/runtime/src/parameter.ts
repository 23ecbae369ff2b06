/** @file A trainable tensor and its accumulated gradient. */
import { add, keep, type Tensor, tidy } from '@tensorflow/tfjs-core';

/** A parameter owns both tensors, of one shape. tidy() does not dispose of them. */
export interface Parameter {
  /** Its key in saved files. */
  name: string;
  value: Tensor;
  /** Sum of the gradients since the last optimizer step; null when there is none. */
  gradient: Tensor | null;
}

/** A parameter that owns `value`. */
export function parameter(name: string, value: Tensor): Parameter {
  return { name, value: keep(value), gradient: null };
}

/** Adds a gradient. The parameter then owns it. */
export function accumulate(target: Parameter, gradient: Tensor): void {
  if (!target.gradient) {
    target.gradient = keep(gradient);
    return;
  }
  const old = target.gradient;
  target.gradient = keep(tidy(() => add(old, gradient)));
  old.dispose();
  gradient.dispose();
}

/** Frees the gradient, if there is one. */
export function clearGradient(target: Parameter): void {
  target.gradient?.dispose();
  target.gradient = null;
}

/** Frees value and gradient. */
export function disposeParameter(target: Parameter): void {
  clearGradient(target);
  target.value.dispose();
}
