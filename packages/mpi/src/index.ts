export * from './communicator.js';
export * from './launch.js';
