/** @file A judge for the hub: what is uploaded, with its model card (Node). */
export { type PushOptions, type PushPlan, planPush } from './plan.js';
