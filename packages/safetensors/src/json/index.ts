/** @file JSON as Python's json module writes it. */
export { editJson, pythonFloat, pythonJson, rewriteJson } from '../python-json.js';
