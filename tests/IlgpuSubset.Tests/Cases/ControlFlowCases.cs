namespace ILGPU.Tests.Cases;

/// <summary>Branches, loops and calls.</summary>
internal static class ControlFlowCases
{
    private static readonly int[] Inputs = [0, 1, 2, 3, 5, 8, 13, 21, 34, -1, -5, 100];

    public static IReadOnlyList<CompilerCase> All { get; } =
    [
        CompilerCase.Map("if, else if, else", Ladder, Inputs, Ladder),
        CompilerCase.Map("nested conditions", Nested, Inputs, Nested),
        CompilerCase.Map("short circuit with loads", ShortCircuit, Inputs, x => x is > 0 and < 12 && Inputs[x] > 3 ? 1 : 0),
        CompilerCase.Map("switch", Switch, Inputs, Switch),
        CompilerCase.Map("switch expression with throwing default", SwitchExpression, Inputs, SwitchExpression),
        CompilerCase.Map("for", For, Inputs, For),
        CompilerCase.Map("while and do while", While, Inputs, While),
        CompilerCase.Map("break and continue", BreakContinue, Inputs, BreakContinue),
        CompilerCase.Map("leaving two loops", LeaveTwo, Inputs, LeaveTwo),
        CompilerCase.Map("return from a loop", ReturnFromLoop, Inputs, ReturnFromLoop),
        CompilerCase.Map("unrolled loops", Unrolled, Inputs, Unrolled),
        CompilerCase.Map("unrolled loop with break", UnrolledBreak, Inputs, UnrolledBreak),
        CompilerCase.Map("triangular loops", Triangular, Inputs, Triangular),
        CompilerCase.Map("halving loop", Halving, Inputs, Halving),
        CompilerCase.Map("swap in a loop", Fibonacci, Inputs, Fibonacci),
        CompilerCase.Map("early return", EarlyReturn, Inputs, x => x < 0 ? 0 : x * 2),
        CompilerCase.Map("calls with several returns", ManyReturns, Inputs, ManyReturns),
        CompilerCase.Map("ref, out and in", References, Inputs, References),
        CompilerCase.Map("ref local and ref return", RefLocals, Inputs, x => x > 3 ? x + 10 : x - 10),
        CompilerCase.Map("collatz", Collatz, [1, 2, 3, 7, 9, 27], Collatz),
        CompilerCase.Map("goto", Goto, Inputs, Goto),
        CompilerCase.Map("local function", LocalFunction, Inputs, x => x * x + x + 7),
    ];

    private static void Ladder(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Ladder(x[Group.IdxX]);

    private static int Ladder(int x)
    {
        if (x < 0)
            return -x * 100;
        else if (x < 4)
            x = x * x + x / 3;
        else
            x -= 1000;
        return x;
    }

    private static void Nested(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Nested(x[Group.IdxX]);

    private static int Nested(int x)
    {
        int result = 0;
        if (x > 0)
        {
            if ((x & 1) == 0)
                result = x / 5;
            else if (x > 10)
                result = x % 5 + 70;
            result += 1000 / x;
        }
        else if (x == -1)
        {
            result = 5;
        }
        return result;
    }

    private static void ShortCircuit(ArrayView<int> x, ArrayView<int> y)
    {
        int v = x[Group.IdxX];
        y[Group.IdxX] = v > 0 && v < x.IntLength && x[v] > 3 ? 1 : 0;
    }

    private static void Switch(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Switch(x[Group.IdxX]);

    private static int Switch(int x)
    {
        switch (x)
        {
            case 0:
                return 10;
            case 1:
            case 2:
                x += 5;
                break;
            case 3:
                x *= x;
                goto case 5;
            case 5:
                x -= 1;
                break;
            default:
                x = -x;
                break;
        }
        return x;
    }

    private static void SwitchExpression(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = SwitchExpression(x[Group.IdxX]);

    private static int SwitchExpression(int x) => (x & 3) switch { 0 => 7, 1 => x, 2 => x * 2, _ => -1 };

    private static void For(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = For(x[Group.IdxX]);

    private static int For(int x)
    {
        int sum = 0;
        for (int i = 0; i < x; i++)
            sum += i * i;
        return sum;
    }

    private static void While(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = While(x[Group.IdxX]);

    private static int While(int x)
    {
        int steps = 0;
        while (x > 0)
        {
            x /= 2;
            steps++;
        }
        do
        {
            steps += 10;
            x++;
        }
        while (x < 3);
        return steps;
    }

    private static void BreakContinue(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = BreakContinue(x[Group.IdxX]);

    private static int BreakContinue(int x)
    {
        int sum = 0;
        for (int i = 0; i < x; i++)
        {
            if (i % 3 == 1)
                continue;
            if (sum > 50)
                break;
            sum += i;
        }
        return sum;
    }

    private static void LeaveTwo(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = LeaveTwo(x[Group.IdxX]);

    private static int LeaveTwo(int x)
    {
        int sum = 0;
        for (int i = 0; i < x; i++)
        {
            for (int j = 0; j < x; j++)
            {
                if (i * j > 20)
                    goto done;
                if (j > i)
                    break;
                sum += i + j;
            }
            sum += 100;
        }
        sum++;
    done:
        return sum;
    }

    private static void ReturnFromLoop(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = ReturnFromLoop(x[Group.IdxX]);

    private static int ReturnFromLoop(int x)
    {
        for (int i = 2; i < x; i++)
        {
            if (x % i == 0)
                return i;
        }
        return -1;
    }

    private static void Unrolled(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Unrolled(x[Group.IdxX]);

    private static int Unrolled(int x)
    {
        int result = x;
        for (int i = 0; i < 4; i++)
        {
            for (int j = 10; j > 6; j -= 2)
                result = result * 3 + i * j;
        }
        return result;
    }

    private static void UnrolledBreak(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = UnrolledBreak(x[Group.IdxX]);

    private static int UnrolledBreak(int x)
    {
        int found = -1;
        for (int i = 0; i < 6; i++)
        {
            x += i;
            if (x % 4 == 3)
            {
                found = i;
                break;
            }
        }
        return found * 1000 + x;
    }

    private static void Triangular(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Triangular(x[Group.IdxX]);

    private static int Triangular(int x)
    {
        int sum = 0;
        for (int i = 0; i < 5; i++)
        {
            for (int j = i; j < 5; j++)
                sum += (x ^ i) * j;
        }
        return sum;
    }

    private static void Halving(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Halving(x[Group.IdxX]);

    private static int Halving(int x)
    {
        for (int step = 16; step > 0; step >>= 1)
            x = x * 2 + step;
        return x;
    }

    private static void Fibonacci(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Fibonacci(x[Group.IdxX]);

    private static int Fibonacci(int x)
    {
        int a = 0;
        int b = 1;
        for (int i = 0; i < x; i++)
            (a, b) = (b, a + b);
        return a;
    }

    private static void EarlyReturn(ArrayView<int> x, ArrayView<int> y)
    {
        int i = Group.IdxX;
        y[i] = 0;
        if (x[i] < 0)
            return;
        y[i] = x[i] * 2;
    }

    private static void ManyReturns(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = ManyReturns(x[Group.IdxX]) + 0;

    private static int ManyReturns(int x) => Sign(x) * 10 + Sign(x - 5);

    private static int Sign(int x)
    {
        if (x > 0)
            return 1;
        if (x < 0)
            return -1;
        return 0;
    }

    private static void References(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = References(x[Group.IdxX]);

    private static int References(int x)
    {
        int twice = x;
        Double(ref twice);
        Split(x, out int high, out int low);
        return twice * 100 + Sum(in high, in low);
    }

    private static void Double(ref int x) => x *= 2;

    private static void Split(int x, out int high, out int low)
    {
        high = x >> 2;
        low = x & 3;
    }

    private static int Sum(in int a, in int b) => a + b * 7;

    private static void RefLocals(ArrayView<int> x, ArrayView<int> y)
    {
        y[Group.IdxX] = x[Group.IdxX];
        ref int target = ref Element(y, Group.IdxX);
        int amount = 10;
        int negative = -10;
        ref int change = ref amount;
        if (target <= 3)
            change = negative;
        target += amount;
    }

    private static ref int Element(ArrayView<int> view, int index) => ref view[index];

    private static void Collatz(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Collatz(x[Group.IdxX]);

    private static int Collatz(int x)
    {
        int steps = 0;
        while (x != 1)
        {
            x = (x & 1) == 0 ? x / 2 : 3 * x + 1;
            steps++;
        }
        return steps;
    }

    private static void Goto(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Goto(x[Group.IdxX]);

    private static int Goto(int x)
    {
        int count = 0;
    again:
        count++;
        x -= 4;
        if (x > 0)
            goto again;
        return count * 10 + x;
    }

    private static void LocalFunction(ArrayView<int> x, ArrayView<int> y)
    {
        int seven = 7;
        y[Group.IdxX] = Square(x[Group.IdxX]) + Shift(x[Group.IdxX]);

        static int Square(int v) => v * v;

        int Shift(int v) => v + seven;
    }
}
