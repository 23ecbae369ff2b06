/** @file JSON in the form of Python's json module. */
export { editJson, parsePythonJson, pythonFloat, pythonJson, rewriteJson } from '../python-json.js';
