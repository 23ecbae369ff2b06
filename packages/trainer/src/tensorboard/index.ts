/** @file TensorBoard event files. */
export { type EventWriter, encodeEvent, openEventWriter, type TensorBoardEvent } from '../tensorboard.js';
