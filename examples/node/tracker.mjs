/**
 * @file Sends the numbers of a run to an experiment tracker: `train({ …, ...tracker(run) })`. `run` is anything with
 * `log(values, step)`: a wrapper of Weights & Biases' or MLflow's client, or of your own database.
 */

/** Callbacks of `train` that log each step and each evaluation under the names that the Hugging Face Trainer gives W&B. */
export function tracker(run) {
  return {
    onStep: ({ step, epoch, loss, grad_norm, learning_rate }) =>
      run.log(
        {
          'train/loss': loss,
          'train/grad_norm': grad_norm,
          'train/learning_rate': learning_rate,
          'train/epoch': epoch,
        },
        step,
      ),
    onEvaluate: ({ step, epoch, ...measured }) => {
      const named = Object.entries(measured).map(([name, value]) => [name.replace(/^eval_/, 'eval/'), value]);
      return run.log(Object.fromEntries(named), step);
    },
  };
}
