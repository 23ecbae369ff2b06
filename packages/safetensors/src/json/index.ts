/** @file JSON as Python's json module writes it. */
export { editJson, pythonFloat, pythonJson } from '../python-json.js';
