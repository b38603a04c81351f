package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.Rule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Adam;
import org.bytedeco.pytorch.AdamOptions;
import org.bytedeco.pytorch.Optimizer;
import org.bytedeco.pytorch.RMSprop;
import org.bytedeco.pytorch.RMSpropOptions;
import org.bytedeco.pytorch.SGD;
import org.bytedeco.pytorch.SGDOptions;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The optimizers of PyTorch's C++ frontend through JavaCPP: one operation after another, tensor by
 * tensor. Data, samples and settings are those of {@link PairedRun}.
 */
public final class LibtorchPeer {
  private static final Map<String, String> DEFAULTS =
      Map.of("rule", "adam", "model", "mlp_100k,resnet50,gpt2_124m", "samples", "11");

  private static final double LR = 1e-3;

  private LibtorchPeer() {}

  /** Prints a line for every combination of the options. */
  public static void main(String[] args) {
    Options options = Options.parse(DEFAULTS, args);
    int threads = Peers.threads();
    PeerRun run =
        new PeerRun(
            "libtorch", "2.10.0, JavaCPP 1.5.13", "step", threads, options.number("samples"));
    for (Rule rule : options.constants("rule", Rule.class)) {
      for (Model model : options.constants("model", Model.class)) {
        measure(run, rule, model);
      }
    }
  }

  private static void measure(PeerRun run, Rule rule, Model model) {
    TensorVector parameters = new TensorVector();
    List<Tensor> gradients = new ArrayList<>();
    for (long size : model.shape().sizes()) {
      Tensor values = torch.rand(size).sub_(new Scalar(0.5)).requires_grad_(true);
      Tensor signs = torch.rand(size).sub_(new Scalar(0.5)).sign_();
      Tensor gradient = torch.rand(size).add_(new Scalar(0.5)).mul_(new Scalar(1e-2)).mul_(signs);
      values.mutable_grad().put(gradient);
      parameters.push_back(values);
      gradients.add(gradient);
    }
    try (Optimizer optimizer = optimizer(rule, parameters)) {
      run.measure(
          rule,
          model,
          optimizer::step,
          () -> gradients.forEach(Tensor::neg_),
          model.shape().stepsPerSample());
    }
    gradients.forEach(Tensor::close);
    parameters.close();
  }

  private static Optimizer optimizer(Rule rule, TensorVector parameters) {
    return switch (rule) {
      case ADAM -> new Adam(parameters, new AdamOptions(LR));
      case RMSPROP -> new RMSprop(parameters, new RMSpropOptions(LR));
      case SGD_MOMENTUM -> {
        SGDOptions options = new SGDOptions(LR);
        options.momentum().put(0.9);
        yield new SGD(parameters, options);
      }
    };
  }
}
