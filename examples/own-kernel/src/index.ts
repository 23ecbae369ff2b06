export { type SwigluInputs, swiglu, swigluOp } from './ops/swiglu/op.js';
