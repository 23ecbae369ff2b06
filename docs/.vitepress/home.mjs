/** @file The head of the first page: what index.md holds comes below it. */
export const home = {
  layout: 'home',
  hero: {
    name: 'Arena',
    text: 'Which answer would people prefer?',
    tagline:
      'Train a judge on human votes in TypeScript. QLoRA fine-tuning of Gemma 2 and 3 on a CPU, a GPU or in a browser tab. No Python.',
    image: { src: '/battle.svg', alt: 'Two answers, and a judge that prefers the first with probability 0.73' },
    actions: [
      { theme: 'brand', text: 'Five minutes', link: '/start/five-minutes' },
      { theme: 'alt', text: 'Try it in this tab', link: '/play/index.html', target: '_self' },
    ],
  },
  features: [
    {
      title: 'From votes to a report',
      details:
        'One command reads any public format, splits without leaks, trains an adapter, and says how good the judge is beside "the longer answer wins".',
      link: '/concepts/report',
    },
    {
      title: 'The files of the Python stack',
      details:
        'PEFT, transformers, bitsandbytes, llama.cpp and onnxruntime open what it writes. Each was run, and the differences are in a table.',
      link: '/guide/python',
    },
    {
      title: 'Runs where you are',
      details: 'WebAssembly on any CPU, WebGPU in the browser and in Node, CUDA by the driver alone.',
      link: '/concepts/engines',
    },
  ],
};
