package dev.warpstep.checkpoint.torch;

/**
 * The state dict of Adam as PyTorch pickles it: all that is there twice is fetched, and everything
 * else remembered, with five bytes. Each parameter has one element.
 */
final class CompactAdam {
  /** As Python's pickler sets items. */
  private static final int BATCH = 1_000;

  // Places of the memo.
  private static final int STORAGE = 0;
  private static final int CPU = 1;
  private static final int REBUILD = 2;
  private static final int FLOAT = 3;
  private static final int ORDERED_DICT = 4;
  private static final int STEP = 5;
  private static final int EXP_AVG = 6;
  private static final int EXP_AVG_SQ = 7;

  private final Pickles pickle = new Pickles();
  private int remembered;
  private int storages;

  private CompactAdam() {}

  static Pickles pickle(int parameters) {
    CompactAdam adam = new CompactAdam();
    adam.pickle.raw(Opcode.EMPTY_DICT);
    adam.whatIsFetched();
    adam.pickle.raw(Opcode.MARK).text("state");
    adam.state(parameters);
    adam.pickle.text("param_groups");
    adam.group(parameters);
    return adam.pickle.raw(Opcode.SETITEMS);
  }

  /** As attributes of the dict, which nobody reads. */
  private void whatIsFetched() {
    pickle.raw(Opcode.EMPTY_DICT, Opcode.MARK).text("storage");
    remember();
    pickle.text("cpu");
    remember();
    pickle.global("torch._utils", "_rebuild_tensor_v2");
    remember();
    pickle.global("torch", "FloatStorage");
    remember();
    pickle.global("collections", "OrderedDict");
    remember();
    pickle.text("step");
    remember();
    pickle.text("exp_avg");
    remember();
    pickle.text("exp_avg_sq");
    remember();
    pickle.raw(Opcode.SETITEMS, Opcode.BUILD);
  }

  private void state(int parameters) {
    pickle.raw(Opcode.EMPTY_DICT);
    remember();
    for (int p = 0; p < parameters; p++) {
      if (p % BATCH == 0) {
        pickle.raw(Opcode.MARK);
      }
      pickle.raw(Opcode.BININT).u32(p).raw(Opcode.EMPTY_DICT);
      remember();
      pickle.raw(Opcode.MARK, Opcode.BINGET, STEP);
      tensor(true);
      pickle.raw(Opcode.BINGET, EXP_AVG);
      tensor(false);
      pickle.raw(Opcode.BINGET, EXP_AVG_SQ);
      tensor(false);
      pickle.raw(Opcode.SETITEMS);
      if ((p + 1) % BATCH == 0 || p + 1 == parameters) {
        pickle.raw(Opcode.SETITEMS);
      }
    }
  }

  private void tensor(boolean scalar) {
    pickle.raw(Opcode.BINGET, REBUILD, Opcode.MARK, Opcode.MARK, Opcode.BINGET, STORAGE);
    pickle.raw(Opcode.BINGET, FLOAT).text(Integer.toString(storages++));
    remember();
    pickle.raw(Opcode.BINGET, CPU, Opcode.BININT1, 1, Opcode.TUPLE);
    remember();
    pickle.raw(Opcode.BINPERSID, Opcode.BININT1, 0);
    for (int i = 0; i < 2; i++) {
      if (scalar) {
        pickle.raw(Opcode.EMPTY_TUPLE);
      } else {
        pickle.raw(Opcode.BININT1, 1, Opcode.TUPLE1);
        remember();
      }
    }
    pickle.raw(Opcode.NEWFALSE, Opcode.BINGET, ORDERED_DICT, Opcode.EMPTY_TUPLE, Opcode.REDUCE);
    remember();
    pickle.raw(Opcode.TUPLE);
    remember();
    pickle.raw(Opcode.REDUCE);
    remember();
  }

  private void group(int parameters) {
    pickle.raw(Opcode.EMPTY_LIST, Opcode.EMPTY_DICT, Opcode.MARK);
    for (String key : TorchLayout.of(TorchOptimizer.ADAM).keys()) {
      pickle.text(key).raw(Opcode.BININT1, 0);
      if (key.equals("betas")) {
        pickle.raw(Opcode.BININT1, 0, Opcode.TUPLE2);
      }
    }
    pickle.text("param_names").raw(Opcode.EMPTY_LIST, Opcode.MARK);
    for (int p = 0; p < parameters; p++) {
      pickle.text("p" + p);
      remember();
    }
    pickle.raw(Opcode.APPENDS).text("params").raw(Opcode.EMPTY_LIST, Opcode.MARK);
    for (int p = 0; p < parameters; p++) {
      pickle.raw(Opcode.BININT).u32(p);
    }
    pickle.raw(Opcode.APPENDS, Opcode.SETITEMS, Opcode.APPEND);
  }

  private void remember() {
    pickle.raw(Opcode.LONG_BINPUT).u32(remembered++);
  }
}
