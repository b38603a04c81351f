package dev.warpstep.backend.cuda;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Tests of a CUDA device: the real one if this machine has one, else the software driver if the
 * process was started with it; otherwise they are skipped with the cause. After each test nothing
 * may be left in the software driver.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Tag("cuda")
@ExtendWith(CudaUnderTest.class)
public @interface OnCuda {}
