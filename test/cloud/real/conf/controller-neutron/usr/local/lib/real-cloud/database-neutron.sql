CREATE DATABASE IF NOT EXISTS neutron;
GRANT ALL ON neutron.* TO 'neutron'@'%' IDENTIFIED BY '{{password}}';
