/** @file Data-parallel training over several ranks. */
export { localCommunicators } from '../communicator.js';
export { RankFailure } from '../data-parallel.js';
