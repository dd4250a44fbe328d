using System.Diagnostics;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>A load balancer with real servers behind it and curl before it, inside and outside.</summary>
public class LoadBalancerTests
{
    private const string Yaml = """
        internet:
          device: { tap: vst-inet }
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets: [{ name: front, cidrs: [10.0.1.0/24] }, { name: back, cidrs: [10.0.2.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
        securityGroups:
          - { name: client, vpc: blue }
          - { name: web, vpc: blue, ingress: [{ protocol: tcp, ports: "8080", source: 0.0.0.0/0 }, { protocol: udp, ports: "8080", source: 10.0.0.0/16 }] }
        enis:
          - { name: c, subnet: front, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [client], device: { tap: vst-c } }
          - { name: w1, subnet: front, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11], securityGroups: [web], device: { tap: vst-w1 } }
          - { name: w2, subnet: back, mac: "02:00:00:00:02:12", privateIps: [10.0.2.12], securityGroups: [web], device: { tap: vst-w2 } }
          - { name: w3, subnet: back, mac: "02:00:00:00:02:13", privateIps: [10.0.2.13], securityGroups: [web], device: { tap: vst-w3 } }
        loadBalancers:
          - name: lb
            subnet: front
            address: 10.0.1.100
            listeners:
              - protocol: tcp
                port: 80
                drain: 1s
                healthCheck: { protocol: tcp, interval: 200ms, timeout: 200ms, healthy: 1, unhealthy: 3 }
                backends: [{ eni: w1, port: 8080, weight: 2 }, { eni: w2, port: 8080, weight: 1 }, { eni: w3, port: 8080, weight: 1 }]
              - { protocol: tcp, port: 81, stickiness: 60s, backends: [{ eni: w1, port: 8080 }, { eni: w2, port: 8080 }, { eni: w3, port: 8080 }] }
              - { protocol: udp, port: 53, backends: [{ eni: w1, port: 8080 }, { eni: w2, port: 8080 }, { eni: w3, port: 8080 }] }
        elasticIps:
          - { name: lb-ip, address: 203.0.113.20, loadBalancer: lb }
        """;

    /// <summary>Answers a GET with its name and ends; answers each line of anything else with its name; echoes datagrams.</summary>
    private const string Server = """
        import socket, sys, threading
        name = sys.argv[1].encode()
        def datagrams():
            u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            u.bind(("", 8080))
            while True:
                data, client = u.recvfrom(2000)
                u.sendto(name + b"\n", client)
        def serve(c):
            with c:
                while data := c.recv(4096):
                    if data.startswith(b"GET"):
                        c.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s\n" % (len(name) + 1, name))
                        return
                    c.sendall(name + b"\n")
        threading.Thread(target=datagrams, daemon=True).start()
        s = socket.create_server(("", 8080))
        while True:
            threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
        """;

    /// <summary>Holds a connection; each line of its input asks once, and prints the answer or why there is none.</summary>
    private const string Holder = """
        import socket, sys
        c = socket.create_connection(("10.0.1.100", 80), 10)
        c.settimeout(1.5)
        for line in sys.stdin:
            try:
                c.sendall(b"ask\n")
                print(c.recv(100).decode().strip(), flush=True)
            except OSError as e:
                print("none", flush=True)
        """;

    private const string Asker = """
        import socket
        for i in range(9):
            u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            u.settimeout(5)
            u.sendto(b"ask", ("10.0.1.100", 53))
            answer, server = u.recvfrom(100)
            print(answer.decode().strip(), server[0], server[1], flush=True)
        """;

    [RootFact("curl", "python3")]
    public void Connections_are_spread_by_weight_follow_health_and_survive_draining()
    {
        using var lab = new LabFixture(Yaml);
        Dictionary<string, Process> servers = new[] { "w1", "w2", "w3" }.ToDictionary(w => w, w => lab.Start(w, "python3", "-u", "-c", Server, w));
        try
        {
            foreach (string backend in servers.Keys)
            {
                lab.WaitForListener(backend, 8080);
            }

            WaitFor(lab, b => b.All(x => x.Health == "healthy"));
            string[] inside = Ask(lab, "c", "http://10.0.1.100/?[1-12]");
            Assert.Equal((6, 3, 3), (inside.Count(a => a == "w1"), inside.Count(a => a == "w2"), inside.Count(a => a == "w3")));
            string[] outside = Ask(lab, "internet", "http://203.0.113.20/?[1-8]");
            Assert.Equal((4, 2, 2), (outside.Count(a => a == "w1"), outside.Count(a => a == "w2"), outside.Count(a => a == "w3")));
            Assert.Single(Ask(lab, "c", "http://10.0.1.100:81/?[1-6]").Distinct());
            (int exit, string datagrams) = lab.Run("c", "python3", "-u", "-c", Asker);
            Assert.Equal(0, exit);
            Assert.Equal(
                [3, 3, 3], new[] { "w1", "w2", "w3" }.Select(w => datagrams.Split('\n').Count(l => l == $"{w} 10.0.1.100 53")));
            Assert.Equal(0, lab.Run("c", "ping", "-c", "1", "-W", "5", "10.0.1.100").Exit);

            servers["w2"].Kill(entireProcessTree: true);
            WaitFor(lab, b => b[1].State == "unhealthy");
            Assert.Equal(["w1", "w3"], Ask(lab, "c", "http://10.0.1.100/?[1-9]").Distinct().Order());

            Drain(lab);
        }
        finally
        {
            foreach (Process server in servers.Values)
            {
                server.Kill(entireProcessTree: true);
                server.Dispose();
            }
        }
    }

    /// <summary>Live connections to w1 go on while it drains and end with the drain time; those of others never notice.</summary>
    private static void Drain(LabFixture lab)
    {
        Process[] held = [.. Enumerable.Range(0, 6).Select(_ => Hold(lab))];
        try
        {
            string[] backends = [.. held.Select(AskHeld)];
            Assert.Equal(["w1", "w3"], backends.Distinct().Order());
            lab.Host.Apply(ConfigReader.Parse("test.yaml", Yaml.Replace("weight: 2 }", "weight: 2, draining: true }", StringComparison.Ordinal)).Config!);
            Assert.Equal(backends, held.Select(AskHeld));
            Assert.All(Ask(lab, "c", "http://10.0.1.100/?[1-4]"), a => Assert.Equal("w3", a));
            WaitFor(lab, b => b[0].DrainLeft == TimeSpan.Zero);
            int before = (int)Read(lab)[0].Connections;
            Assert.Equal(backends.Select(b => b == "w1" ? "none" : b), held.Select(AskHeld));

            // What is left of it are connections that their ends closed, until they have aged.
            WaitFor(lab, b => b[0].Connections <= before - backends.Count(w => w == "w1"));
        }
        finally
        {
            foreach (Process process in held)
            {
                process.Kill(entireProcessTree: true);
                process.Dispose();
            }
        }
    }

    private static Process Hold(LabFixture lab) => lab.Start("c", input: true, "python3", "-u", "-c", Holder);

    private static string AskHeld(Process held)
    {
        held.StandardInput.WriteLine("ask");
        held.StandardInput.Flush();
        return held.StandardOutput.ReadLine() ?? "ended";
    }

    /// <summary>One connection a request: the servers end each.</summary>
    private static string[] Ask(LabFixture lab, string from, string urls)
    {
        (int exit, string output) = lab.Run(from, "curl", "-s", "-m", "20", urls);
        Assert.True(exit == 0, $"{from} {urls}: {exit} {output}");
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static IReadOnlyList<BackendReading> Read(LabFixture lab)
    {
        PolicyInForce policy = lab.Host.InForce;
        return BackendReading.Of(
            lab.Host.Workers.Shared, policy.Snapshot, 0, policy.Config.LoadBalancers[0].Listeners[0], WorkerThread.NowNs());
    }

    private static void WaitFor(LabFixture lab, Func<IReadOnlyList<BackendReading>, bool> isSo) =>
        Assert.True(SpinWait.SpinUntil(() => isSo(Read(lab)), TimeSpan.FromSeconds(20)), string.Join('\n', Read(lab)));
}
