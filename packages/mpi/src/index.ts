export { joinMpi, type MpiCommunicator } from './communicator.js';
export { type Launch, launchOf } from './launch.js';
