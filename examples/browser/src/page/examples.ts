/** @file Ten battles with an obvious winner, A: careful answers against careless ones. They were written before the judge's settings were chosen. */
import type { Pair } from '../protocol.js';

export const EXAMPLES: readonly Pair[] = [
  {
    prompt: 'How do I care for a bicycle chain?',
    responseA:
      'Measure the wear first, because grit shortens its life. For example, check it every month and write the results down.',
    responseB: 'No idea, whatever. I guess it will be fine, nobody really cares.',
  },
  {
    prompt: 'Why does my bread not rise?',
    responseA: 'The reason is often old yeast. Test a spoon of it in warm water: if it foams in ten minutes, it works.',
    responseB: 'Who knows, it must be magic. Just wing it and hope for the best.',
  },
  {
    prompt: 'How do I prepare for a job interview?',
    responseA:
      'Compare the advert with your own work and write down one example for each point. It works because you then answer with evidence.',
    responseB: 'Honestly, just go there. Everybody knows that stuff, obviously.',
  },
  {
    prompt: 'My laptop is slow. What can I do?',
    responseA:
      'First measure what takes the time: look at the list of programs. If one of them needs most of the memory, close it and compare.',
    responseB: 'Skip it, I guess. It is probably fine as it is.',
  },
  {
    prompt: 'How often should I water tomato plants?',
    responseA:
      'Check the soil two centimetres down before you water. The reason is that the top dries first, so it tells you little.',
    responseB: 'Trust me, nobody checks that. Do it whenever, somehow.',
  },
  {
    prompt: 'How do I get red wine out of a shirt?',
    responseA:
      'Start at once, because a dry stain is harder to remove. For example, try cold water and salt on a small part and compare the result.',
    responseB: 'Whatever, just throw it away. No idea why people bother.',
  },
  {
    prompt: 'How do I train for a first marathon?',
    responseA:
      'Small steps give better results: add a little each week and write the distances down. Tests show that rest counts as well.',
    responseB: 'Just run, who cares. A bit of luck and it works, I guess.',
  },
  {
    prompt: 'How do I fix a leaking tap?',
    responseA:
      'Close the water first. Then compare the old seal with a new one and check each step; if it still leaks, the evidence tells you where.',
    responseB: 'Nobody reads manuals anyway. Hit it somehow and hope.',
  },
  {
    prompt: 'How do I keep slugs out of my garden?',
    responseA:
      'A reliable source explains that barriers work because slugs avoid dry ground. Measure the effect on one bed before you do all.',
    responseB: 'It is what it is, do not bother. Everybody has slugs, obviously.',
  },
  {
    prompt: 'How do I write to my teacher?',
    responseA:
      'Say in the first line what you need and the reason for it. For example, name the lesson and the date, then check the text once.',
    responseB: 'Honestly, write whatever. They skip the boring part anyway, who knows.',
  },
];
