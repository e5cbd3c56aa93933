using CudaEmulation;
using ILGPU.Runtime.Cuda;

namespace ILGPU.Tests.Ptx;

/// <summary>That the interpreter refuses what an assembler would, and finds the faults that a GPU would show only sometimes.</summary>
public unsafe class PtxInterpreterTests
{
    private const string Registers = """
        .reg .pred %p<4>;
        .reg .b16 %h<4>;
        .reg .b32 %r<16>;
        .reg .b64 %d<8>;
        .reg .f32 %f<8>;
        .shared .align 16 .b8 shared[256];
        ld.param.b64 %d0, [param_0];
        mov.u32 %r0, %tid.x;
        mad.wide.s32 %d1, %r0, 4, %d0;
        mov.u32 %r1, shared;
        mad.lo.s32 %r2, %r0, 4, %r1;

        """;

    [Theory]
    [InlineData("add.s32.sat %r3, %r0, %r1;", "unknown instruction")]
    [InlineData("ex2.approx.f32 %f0, %f1;", "unknown instruction")]
    [InlineData("add.f32 %f0, %f1, %f2;", "unknown instruction")]
    [InlineData("add.s32 %r3, %r0;", "wrong number of operands")]
    [InlineData("add.s32 %r3, %r0, %f0;", "%f0 is f32, not s32")]
    [InlineData("add.s32 %r3, %r0, %r99;", "unknown register %r99")]
    [InlineData("add.s32 %r3, %r0, %d1;", "%d1 is b64, not s32")]
    [InlineData("add.s32 %r3, %r0, 4294967296;", "does not fit")]
    [InlineData("add.rn.f32 %f0, %f1, 1;", "a literal that is no f32")]
    [InlineData("bra $nowhere;", "unknown label")]
    [InlineData("ld.global.b32 %r3, [%r0];", "cannot hold an address")]
    [InlineData("st.global.v4.f32 [%d1], {%f0, %f1};", "4 elements expected")]
    [InlineData("ld.shared.v4.f64 %r3, [%r2];", "unknown instruction")]
    [InlineData("mov.u32 %r3, %clock;", "unknown instruction")]
    [InlineData("add.s32 %r3, %r0, %tid.x;", "may only be moved")]
    [InlineData("@%r0 bra $end;", "%r0 is b32, not pred")]
    [InlineData("add.s32 %r3, %r0, %r1", "not an operand")]
    public void Refuses_text_that_is_wrong(string statement, string complaint)
    {
        CudaException exception = Assert.Throws<CudaException>(() => Run(statement, threads: 32));
        Assert.Equal("CUDA_ERROR_INVALID_PTX", exception.ErrorName);
        Assert.Contains(complaint, exception.Message, StringComparison.Ordinal);
        Assert.Matches("line [0-9]+; error", exception.Message);
    }

    [Theory]
    [InlineData("ld.shared.b32 %r3, [%r2];", 32, "read before it is written")]
    [InlineData("ld.shared.b32 %r3, [%r2+256];", 32, "the group has 256")]
    [InlineData("st.shared.b32 [%r2+2], %r0;", 32, "not a multiple of 4")]
    [InlineData("ld.global.b32 %r3, [%d1+4];", 32, "byte 128 of a buffer of 128")]
    [InlineData("ld.global.v2.b32 {%r3, %r4}, [%d1];", 16, "not a multiple of 8")]
    // Every thread reads its neighbour's word, of which the last of each warp is another warp's.
    [InlineData(
        "st.shared.b32 [%r2], %r0; add.s32 %r3, %r0, 1; and.b32 %r3, %r3, 63; mad.lo.s32 %r3, %r3, 4, %r1; ld.shared.b32 %r4, [%r3];",
        64, "read ")]
    [InlineData(
        "st.shared.b32 [%r2], %r0; bar.sync 0; ld.shared.b32 %r4, [shared]; st.shared.b32 [shared], %r0;", 64, "no barrier between")]
    [InlineData("and.b32 %r3, %r0, 32; setp.ne.s32 %p0, %r3, 0; @%p0 bra $end; bar.sync 0;", 64, "only some threads")]
    [InlineData("setp.lt.s32 %p0, %r0, 3; @%p0 bra.uni $end;", 32, "different ways")]
    [InlineData("setp.lt.s32 %p0, %r0, 3; @%p0 bra $other; bar.sync 0; bra $end; $other: bar.sync 0;", 32, "wait at")]
    [InlineData("shfl.sync.idx.b32 %r3, %r0, 20, 31, -1;", 16, "which is not there")]
    public void Finds_faults(string statements, int threads, string complaint)
    {
        CudaException exception = Assert.Throws<CudaException>(() => Run(statements, threads));
        Assert.Contains(complaint, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Lanes_that_part_meet_again()
    {
        // Each lane goes round its own number of times; the sum of rounds is then taken by a shuffle over the whole warp.
        int[] result = Run(
            """
            mov.b32 %r3, 0;
            $loop: setp.ge.s32 %p0, %r3, %r0;
            @%p0 bra $done;
            add.s32 %r3, %r3, 1;
            bra $loop;
            $done: and.b32 %r4, %r3, 1;
            setp.eq.s32 %p1, %r4, 0;
            @%p1 bra $even;
            mul.lo.s32 %r5, %r3, 10;
            bra $join;
            $even: mul.lo.s32 %r5, %r3, 100;
            $join: shfl.sync.bfly.b32 %r6, %r5, 1, 31, -1;
            add.s32 %r6, %r6, %r5;
            st.global.b32 [%d1], %r6;
            """, 32);
        Assert.Equal([.. Enumerable.Range(0, 32).Select(i => (i & ~1) * 100 + (i | 1) * 10)], result);
    }

    [Fact]
    public void Blocks_before_a_loops_body_do_not_keep_lanes_from_a_common_barrier()
    {
        // What follows the loop stands before its body: the lanes that leave early run ahead and must wait at the barrier.
        int[] result = Run(
            """
            mov.b32 %r3, 0;
            bra $test;
            $after: bar.sync 0;
            st.global.b32 [%d1], %r3;
            bra $end;
            $test: setp.ge.s32 %p0, %r3, %r0;
            @%p0 bra $after;
            add.s32 %r3, %r3, 1;
            bra $test;
            """, 32);
        Assert.Equal([.. Enumerable.Range(0, 32)], result);
    }

    [Theory]
    [InlineData("down", 3, 31)]
    [InlineData("up", 3, 0)]
    [InlineData("bfly", 5, 31)]
    [InlineData("idx", 7, 31)]
    public void Shuffles_stay_in_their_segment(string mode, int by, int clamp)
    {
        int[] result = Run($"shfl.sync.{mode}.b32 %r3, %r0, {by}, {(32 - 8) << 8 | clamp}, -1; st.global.b32 [%d1], %r3;", 32);
        Assert.Equal([.. Enumerable.Range(0, 32).Select(lane => mode switch
        {
            "down" => lane % 8 + by < 8 ? lane + by : lane,
            "up" => lane % 8 >= by ? lane - by : lane,
            "bfly" => lane ^ by,
            _ => (lane & ~7) + by,
        })], result);
    }

    /// <summary>
    /// Runs statements on one group, with a buffer of a word for each thread, all zero, as the parameter; %d1 is the thread's word.
    /// </summary>
    private static int[] Run(string statements, int threads)
    {
        using var emulated = new EmulatedDriver();
        ICudaDriver driver = emulated;
        driver.Initialize();
        driver.SetCurrentContext(driver.RetainContext(0));
        string text = $$"""
            .version 7.0
            .target sm_70
            .address_size 64
            .visible .entry kernel(.param .b64 param_0)
            {
            {{Registers}}{{statements}}
            $end: ret;
            }
            """;
        nint function = driver.GetFunction(driver.LoadModule(text), "kernel");
        nint stream = driver.CreateStream(), buffer = driver.Allocate(threads * 4);
        driver.Fill(buffer, 0, threads * 4, stream);
        void* argument = &buffer;
        driver.Launch(function, new Index3D(1, 1, 1), new Index3D(threads, 1, 1), 0, stream, &argument);
        int[] result = new int[threads];
        fixed (int* target = result)
            driver.CopyDeviceToHost((nint)target, buffer, threads * 4, stream);
        return result;
    }
}
