namespace ILGPU.Compiler.Analysis;

/// <summary>
/// Depth-first order, and immediate dominators after Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001).
/// </summary>
internal static class Dominance
{
    /// <summary>The nodes that a root reaches, each before its successors unless the way goes around a loop.</summary>
    public static List<T> ReversePostorder<T>(T root, Func<T, IReadOnlyList<T>> successors)
        where T : notnull
    {
        var order = new List<T>();
        var seen = new HashSet<T> { root };
        var path = new Stack<(T Node, IReadOnlyList<T> Successors, int Visited)>();
        path.Push((root, successors(root), 0));
        while (path.TryPop(out (T Node, IReadOnlyList<T> Successors, int Visited) top))
        {
            if (top.Visited == top.Successors.Count)
            {
                order.Add(top.Node);
                continue;
            }
            path.Push(top with { Visited = top.Visited + 1 });
            // The last first: then those of the first successor come first in the result.
            T next = top.Successors[top.Successors.Count - 1 - top.Visited];
            if (seen.Add(next))
                path.Push((next, successors(next), 0));
        }
        order.Reverse();
        return order;
    }

    /// <summary>
    /// The immediate dominator of each node of a graph whose nodes are numbered in reverse postorder from the entry 0, which is
    /// its own.
    /// </summary>
    public static int[] ImmediateDominators(int count, Func<int, IReadOnlyList<int>> predecessors)
    {
        int[] dominator = new int[count];
        Array.Fill(dominator, -1);
        dominator[0] = 0;
        bool changed = true;
        while (changed)
        {
            changed = false;
            for (int node = 1; node < count; node++)
            {
                int common = -1;
                foreach (int predecessor in predecessors(node))
                {
                    if (dominator[predecessor] >= 0)
                        common = common < 0 ? predecessor : Meet(common, predecessor);
                }
                if (dominator[node] != common)
                {
                    dominator[node] = common;
                    changed = true;
                }
            }
        }
        return dominator;

        int Meet(int a, int b)
        {
            while (a != b)
            {
                while (a > b)
                    a = dominator[a];
                while (b > a)
                    b = dominator[b];
            }
            return a;
        }
    }
}
