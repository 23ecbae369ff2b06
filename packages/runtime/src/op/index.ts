/** @file Declaring, running and checking fused ops. */
export { checkGradient, checkOps, type GradientCheck, type SampleResult } from '../conformance.js';
export { halve, offload } from '../offload.js';
export {
  type AnyOp,
  currentEngine,
  declaredOps,
  defineOp,
  type FusedOp,
  hasKernel,
  type OpInputs,
  type OpKernel,
  type OpObserver,
  type OpSample,
  observeOps,
  runOp,
} from '../op.js';
export { addTime, type OpTime } from '../op-time.js';
